/* An empty milter on libmilter, for comparison: every step is heard, nothing is done.
   usage: empty-libmilter SOCKET 0|1    1: the steps up to the end of the message need no reply */
#include <libmilter/mfapi.h>
#include <stdlib.h>

static int silent;

#define STEP(name, ...) \
    static sfsistat name(SMFICTX *ctx, ##__VA_ARGS__) { (void) ctx; return silent ? SMFIS_NOREPLY : SMFIS_CONTINUE; }

STEP(on_connect, char *name, _SOCK_ADDR *addr)
STEP(on_helo, char *name)
STEP(on_mail, char **args)
STEP(on_rcpt, char **args)
STEP(on_data)
STEP(on_header, char *name, char *body)
STEP(on_eoh)
STEP(on_body, unsigned char *chunk, size_t length)
static sfsistat on_end(SMFICTX *ctx) { (void) ctx; return SMFIS_CONTINUE; }

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long x, unsigned long y,
                             unsigned long *wanted_actions, unsigned long *wanted_steps, unsigned long *wx, unsigned long *wy)
{
    unsigned long wanted = SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_HDR |
        SMFIP_NR_EOH | SMFIP_NR_BODY;
    (void) ctx; (void) actions; (void) x; (void) y;
    *wanted_actions = 0;
    *wanted_steps = silent ? wanted & steps : 0;
    *wx = *wy = 0;
    return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
    struct smfiDesc filter = {
        .xxfi_name = "empty", .xxfi_version = SMFI_VERSION, .xxfi_connect = on_connect, .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail, .xxfi_envrcpt = on_rcpt, .xxfi_data = on_data, .xxfi_header = on_header, .xxfi_eoh = on_eoh,
        .xxfi_body = on_body, .xxfi_eom = on_end, .xxfi_negotiate = on_negotiate,
    };
    if (argc != 3)
        return 2;
    silent = atoi(argv[2]);
    if (smfi_setconn(argv[1]) == MI_FAILURE || smfi_register(filter) == MI_FAILURE)
        return 1;
    return smfi_main();
}
