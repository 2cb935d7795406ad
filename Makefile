.PHONY: demo test test-siem

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
	cargo test --test encode
	cargo run --quiet --example encode -- target/siem-samples
	cargo test --test siem -- --include-ignored
