.PHONY: deb demo test test-compose test-manual test-package test-sendmail test-siem

# A look at Forwarden at work behind a private Postfix; seconds, once it is built. KEEP=1 leaves it running.
demo:
	lab/demo

# Everything a change must pass.
test:
	lab/install-packages
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo test
	cargo bench --no-run

# Every dialect of the events, and what is shipped for its receivers, tried with the receivers themselves.
test-siem:
	lab/siem-tools
	cargo clippy --no-default-features -- -D warnings
	cargo test --test encode --test dialects --test schemas
	cargo test --test delivery -- --include-ignored
	cargo run --quiet --example encode -- target/siem-samples
	cargo test --test siem -- --include-ignored
	cargo bench --bench spool
	cargo bench --bench stalled

# Behind a real Sendmail, in a Debian of its own. Needs root, and Debian's packages.
test-sendmail:
	lab/install-packages debootstrap=debootstrap
	lab/sendmail-root target/sendmail-root
	cargo test --test sendmail -- --include-ignored

# target/debian/forwarden_*.deb, with manual pages and completions. Needs cargo-deb: cargo install cargo-deb
deb:
	cargo run --quiet --example packaging -- target/packaging
	PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo deb --strip

# The package in a clean Debian: installed, used, rotated, upgraded, removed, purged; then the manual's first hour with it,
# under systemd and behind a real Postfix. Needs root, and Debian's packages.
test-package:
	lab/test-package
	lab/first-hour target/debian/forwarden_*.deb

# The manual as a book, its links, and its samples for other mail servers. Needs root, and Debian's packages.
test-manual:
	lab/book
	lab/test-snippets

# docker-compose.yml in a Docker of its own: mail goes in at the MX and is found at the collector, in Prometheus and outside.
# Needs root, and Debian's packages.
test-compose:
	tests/compose/run
