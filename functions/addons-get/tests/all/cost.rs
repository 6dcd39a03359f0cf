//! What serving costs, in CPU time of this process: run by `just bench`.

use std::time::{Duration, Instant};

use domain::addons::{AddonStatus, Dependency, Release};

use crate::support::{Shop, get, header, needs, on, script, send};

/// Prints how long `count` runs take.
async fn measured(what: &str, count: u32, mut run: impl AsyncFnMut()) -> Duration {
    run().await;
    let started = Instant::now();
    for _ in 0..count {
        run().await;
    }
    let each = started.elapsed() / count;
    println!("{what}: {each:?}");
    each
}

/// 500 addons on one page, each of which needs four others.
async fn large() -> Shop {
    let shop = Shop::new();
    for at in 0..500_usize {
        let dependencies = (1..=4).map(|step| at / 2 / step).filter(|other| *other < at);
        let dependencies: std::collections::BTreeSet<_> = dependencies.collect();
        let dependencies = dependencies.into_iter().map(|other| Dependency {
            addon_id: format!("a{other:03}").parse().unwrap(),
            version: "^1.0.0".into(),
            optional: false,
        });
        let release =
            Release { dependencies: Some(dependencies.collect()), ..script(&format!("a{at:03}"), "1.0.0") };
        shop.publish(on(release, &["example.com"]), "f()", AddonStatus::Active).await;
    }
    shop
}

#[tokio::test]
#[ignore = "a measurement: just bench"]
async fn bench_of_serving() {
    let shop = Shop::new();
    let content = "globalThis.value = document.title + ' text';\n".repeat(230);
    for at in 0..20 {
        let release = on(script(&format!("a{at:02}"), "1.0.0"), &["example.com"]);
        let release = if at > 0 { needs(release, &format!("a{:02}", at - 1)) } else { release };
        shop.publish(release, &content, AddonStatus::Active).await;
    }
    let warm = shop.addons();
    measured("a warm GET of 10 KiB", 2000, async || {
        send(&warm, get("/addons/{addonId}", "a00").with("accept-encoding", "br")).await.unwrap();
    })
    .await;
    let etag = header(&send(&warm, get("/addons/{addonId}", "a00")).await.unwrap(), "etag").to_owned();
    measured("a warm 304", 2000, async || {
        send(&warm, get("/addons/{addonId}", "a00").with("if-none-match", &etag)).await.unwrap();
    })
    .await;
    for path in ["/addons/{addonId}/bundle", "/addons/{addonId}/userscripts"] {
        measured(&format!("a cold {path} of 20 addons of 10 KiB, with Brotli"), 20, async || {
            let cold = shop.addons();
            send(&cold, get(path, "example.com").with("accept-encoding", "br")).await.unwrap();
        })
        .await;
        measured(&format!("a warm {path}"), 200, async || {
            send(&warm, get(path, "example.com").with("accept-encoding", "br")).await.unwrap();
        })
        .await;
    }
    let large = large().await;
    let library = app::addons::library::Library::new(large.store.catalog());
    measured("the choice of 500 addons with 2,000 dependencies", 20, async || {
        assert_eq!(library.page("example.com").unwrap().members.len(), 500);
    })
    .await;
}
