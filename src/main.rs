//! The command line.
use forwarden::cli::replay::*;
fn main() {
    let e = forwarden::engine::Engine {
        organization: Default::default(),
        catalogue: Default::default(),
        weights: Default::default(),
        policy: Default::default(),
        report_ordinary: false,
        host: String::new(),
        clock: std::sync::Arc::new(forwarden::clock::SystemClock),
        sink: std::sync::Arc::new(forwarden::sink::NullSink),
    };
    let paths: Vec<_> = std::env::args()
        .skip(1)
        .filter(|a| a != "--format" && a != "json" && a != "replay")
        .map(Into::into)
        .collect();
    let n = replay(
        &e,
        Settings {
            format: Format::Json,
            limits: Default::default(),
            read_body: false,
        },
        &paths,
        &mut std::io::stdout().lock(),
    )
    .unwrap();
    std::process::exit(i32::from(n > 0));
}
