# A small image with the daemon alone: no compiler, no shell history, no root.
#   docker build -t forwarden .
FROM rust:1.95-slim-bookworm AS build
# `dev` builds faster and runs slower: for tests.
ARG PROFILE=release
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY examples examples
COPY src src
RUN cargo build --locked --bin forwarden --profile "$PROFILE" \
    && install -s target/*/forwarden /forwarden

FROM debian:bookworm-slim
# Certificate authorities, for receivers of events that speak TLS.
RUN apt-get -o Acquire::Retries=3 update \
    && apt-get -o Acquire::Retries=3 install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin forwarden \
    && install -d -o forwarden -g forwarden -m 750 /var/lib/forwarden /var/log/forwarden \
    && install -d -o forwarden -g forwarden -m 755 /run/forwarden
COPY --from=build /forwarden /usr/bin/forwarden
USER 10001
EXPOSE 8891
VOLUME ["/var/lib/forwarden"]
# Fails where the daemon does not answer, its configuration was refused, or a folder of its own cannot be used.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["forwarden", "status"]
ENTRYPOINT ["forwarden"]
CMD ["serve"]
