//! Prints what a build costs: the time of each step on the files that are given.
//!
//!     cargo run --release --package semantest-addon-build --example cost -- FILE…

use std::time::Instant;
use std::{env, fs, io};

use addon_build::{Built, Diagnostic, OldestChrome};

fn main() -> io::Result<()> {
    for file in env::args().skip(1) {
        let source = fs::read_to_string(&file)?;
        let started = Instant::now();
        let built =
            build(&file, &source).map_err(|faults| io::Error::other(format!("{file}: {faults:#?}")))?;
        let build = started.elapsed();
        let started = Instant::now();
        let compressed = addon_build::compress(built.minified.as_bytes(), addon_build::Effort::Most);
        let compress = started.elapsed();
        println!(
            "{file}: {} bytes, built in {build:?}, {} minified, compressed in {compress:?}, {} gzip, {} brotli",
            source.len(),
            built.minified.len(),
            compressed.gzip.len(),
            compressed.brotli.len()
        );
    }
    Ok(())
}

fn build(file: &str, source: &str) -> Result<Built, Vec<Diagnostic>> {
    let oldest = OldestChrome::FLOOR;
    if file.ends_with(".css") {
        addon_build::style(source, oldest)
    } else {
        addon_build::script(source, file, oldest)
    }
}
