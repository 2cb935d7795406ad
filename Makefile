.PHONY: demo test

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
