//! What publishing costs: run by `just bench`.

use std::time::Instant;

use serde_json::json;
use testkit::Memory;

use crate::support::published;

/// A script of some 50 KiB, in which little repeats.
fn content() -> String {
    let mut content = String::new();
    let mut seed = 1_u64;
    while content.len() < 50 * 1024 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (one, other) = (seed >> 40, seed >> 20 & 0xffff);
        content.push_str(&format!(
            "function handler{one:x}(event, options) {{\n  // step {other}\n  const value{other:x} = event.target.dataset.key + options.limit * {other};\n  return value{other:x} > {one} ? 'above {one:x}' : null;\n}}\nglobalThis.handlers.push(handler{one:x});\n"
        ));
    }
    content
}

#[tokio::test]
#[ignore = "a measurement: just bench"]
async fn bench_of_publishing() {
    let (store, content) = (Memory::new(), content());
    let count: u32 = 10;
    let started = Instant::now();
    for at in 0..count {
        published(&store, "large", &format!("1.{at}.0"), json!({"content": content})).await;
    }
    println!("publishing a script of {} bytes: {:?}", content.len(), started.elapsed() / count);
}
