mod downloads;
mod images;
mod recovery;
mod submissions;
mod tasks;
mod upscales;

use std::time::Duration;

use domain::Timestamp;
use domain::images::{Count, Prompt, ProviderChoice, Quality, Size, Style};
use domain::primitives::NamedValue as _;
use domain::providers::GeneratedImage;
use serde_json::{Value, json};
use testkit::standin::midjourney::{self as standin, Act, BLUES, Manner, code};
use testkit::standin::server::Reply;
use testkit::{Kept, Logs, image_task};

use super::*;

fn picture(size: Size, count: u8) -> Picture {
    Picture {
        prompt: Prompt::try_from("a red kite over dunes".to_owned()).unwrap(),
        provider: ProviderChoice::Midjourney,
        size,
        count: Count::try_from(count).unwrap(),
        quality: Quality::Standard,
        style: None,
    }
}

/// The provider with the server's settings and `more`.
fn provider(server: &standin::Midjourney, more: Value) -> Midjourney {
    let mut settings = server.settings();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Midjourney::new(serde_json::from_value(settings).unwrap()).unwrap()
}

/// A job, with the state that the worker keeps between steps.
struct Job {
    task: ImageTask,
    kept: Kept,
    /// The paid calls in the row.
    calls: u32,
}

impl Job {
    fn new(picture: Picture) -> Self {
        let mut task = image_task(picture);
        task.attempt = 0;
        Self { task, kept: Kept::default(), calls: 0 }
    }

    fn of(count: u8) -> Self {
        Self::new(picture(Size::S256, count))
    }

    async fn step(&mut self, provider: &Midjourney) -> Result<Step, ProviderError> {
        if self.task.handle.is_none() {
            self.task.attempt += 1;
        }
        self.calls += provider.max_paid_calls(&self.task);
        let checkpoints = self.kept.notes().len();
        let step = provider.generate(&self.task, &self.kept).await;
        if self.kept.notes().len() > checkpoints {
            self.task.handle = self.kept.notes().pop();
        }
        let kept = self.kept.images();
        self.task.missing.retain(|index| !kept.iter().any(|(kept, _)| kept == index));
        if !matches!(step, Ok(Step::Pending { .. })) {
            self.task.handle = None;
        }
        for secret in ["canary", "kite", "dunes"] {
            assert!(!format!("{step:?}").contains(secret), "{step:?}");
        }
        step
    }

    /// Runs steps until the provider has finished or failed.
    async fn finish(&mut self, provider: &Midjourney) -> Result<(), ProviderError> {
        for _ in 0..20 {
            if let Step::Finished(_) = self.step(provider).await? {
                return Ok(());
            }
        }
        panic!("not finished after 20 steps");
    }

    async fn fails(&mut self, provider: &Midjourney) -> (ErrorClass, Reason, bool) {
        let error = self.finish(provider).await.unwrap_err();
        assert!(self.kept.images().is_empty(), "no image must be delivered");
        (error.class, error.reason, error.possibly_paid)
    }

    /// The index, size and center of each image: the center's blue identifies the part of the grid.
    fn blues(&self) -> Vec<(u8, (u32, u32), u8)> {
        let blue = |(index, image): (u8, GeneratedImage)| {
            let picture = image::load_from_memory(&image.bytes).unwrap().into_rgb8();
            let (width, height) = picture.dimensions();
            (index, (width, height), picture.get_pixel(width / 2, height / 2).0[2])
        };
        let mut blues: Vec<_> = self.kept.images().into_iter().map(blue).collect();
        blues.sort();
        blues
    }
}
