dnl For the server in front, in sendmail.mc before MAILER_DEFINITIONS.
dnl An observer of incoming mail. F= with nothing behind it: while Forwarden is away, mail goes on without it.
INPUT_MAIL_FILTER(`forwarden-in', `S=inet:8890@127.0.0.1, F=, T=C:10s;S:10s;R:10s;E:1m')dnl
dnl What is not for this server goes to the hop.
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP $h 10040')dnl
