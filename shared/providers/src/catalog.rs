//! The list of image providers. To add one: its own module, its section in [`Document`], and a row here.

use domain::images::ProviderChoice;
use domain::providers::ImageProvider;

use crate::automatic1111::{self, Automatic1111};
use crate::document::Document;
use crate::midjourney::{self, Midjourney};
use crate::openai::{self, OpenAi};
use crate::sandbox::{self, Sandbox};
use crate::stability::{self, Stability};

/// An image provider: what the registry knows about it.
pub(crate) struct Entry {
    /// The name that jobs record and that `order` lists.
    pub(crate) name: &'static str,
    /// The name of its section in the providers document.
    pub(crate) section: &'static str,
    pub(crate) automatic: Automatic,
    /// The choices that it serves.
    pub(crate) serves: &'static [ProviderChoice],
    /// The choices that it serves where no provider that `serves` them is enabled.
    pub(crate) fallback_for: &'static [ProviderChoice],
    /// Takes its section out of the document and builds the provider from it; `None` without a section.
    pub(crate) build: fn(&mut Document) -> Option<Built>,
}

/// A provider, or what is wrong with its settings.
type Built = Result<Box<dyn ImageProvider>, String>;

/// Whether `automatic` asks a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Automatic {
    /// Unless the operator's `order` leaves it out.
    ByDefault,
    /// If `order` lists it, or if it is the only image provider.
    IfAlone,
    /// Not even if `order` lists it.
    Never,
}

/// All of them, in the order in which `automatic` asks by default.
pub(crate) const PROVIDERS: [Entry; 5] = [
    Entry {
        name: openai::PROVIDER,
        section: "openai",
        automatic: Automatic::ByDefault,
        serves: &[ProviderChoice::Dalle3, ProviderChoice::Dalle2, ProviderChoice::GptImage],
        fallback_for: &[],
        build: |document| built(document.openai.take()?, OpenAi::new),
    },
    Entry {
        name: stability::PROVIDER,
        section: "stability",
        automatic: Automatic::ByDefault,
        serves: &[],
        // An operator with a Stable Diffusion server wants it used.
        fallback_for: &[ProviderChoice::StableDiffusion],
        build: |document| built(document.stability.take()?, Stability::new),
    },
    Entry {
        name: automatic1111::PROVIDER,
        section: "stableDiffusion",
        automatic: Automatic::ByDefault,
        serves: &[ProviderChoice::StableDiffusion],
        fallback_for: &[],
        build: |document| built(document.stable_diffusion.take()?, Automatic1111::new),
    },
    Entry {
        name: sandbox::PROVIDER,
        section: "sandbox",
        // An operator who enabled a real provider does not want a drawing in its place.
        automatic: Automatic::IfAlone,
        serves: &[],
        fallback_for: &[],
        build: |document| built(document.sandbox.take()?, |_| Ok(Sandbox)),
    },
    Entry {
        name: midjourney::PROVIDER,
        section: "midjourney",
        // Its terms forbid automation: a caller must ask for it by name.
        automatic: Automatic::Never,
        serves: &[ProviderChoice::Midjourney],
        fallback_for: &[],
        build: |document| built(document.midjourney.take()?, Midjourney::new),
    },
];

fn built<S, P: ImageProvider + 'static>(
    settings: S,
    new: impl FnOnce(S) -> Result<P, String>,
) -> Option<Built> {
    Some(new(settings).map(|provider| Box::new(provider) as Box<dyn ImageProvider>))
}

/// The provider named `name`, enabled or not.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    PROVIDERS.iter().find(|entry| entry.name == name)
}

/// The names that `order` may list.
pub(crate) fn names() -> Vec<&'static str> {
    PROVIDERS.iter().map(|entry| entry.name).collect()
}

/// The providers that serve `choice`, the preferred one first; none for `automatic`.
pub(crate) fn serving(choice: ProviderChoice) -> impl Iterator<Item = &'static Entry> {
    let preferred = PROVIDERS.iter().filter(move |entry| entry.serves.contains(&choice));
    preferred.chain(PROVIDERS.iter().filter(move |entry| entry.fallback_for.contains(&choice)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::primitives::{NamedValue as _, Secret};

    #[test]
    fn every_section_is_in_the_document() {
        for entry in &PROVIDERS {
            let reading = Document::read(&Secret::new(format!(r#"{{"{}": 7}}"#, entry.section)));
            let errors: Vec<_> = reading.errors.iter().map(ToString::to_string).collect();
            assert_eq!(errors, [format!("{}: must be an object", entry.section)]);
        }
    }

    #[test]
    fn every_choice_but_automatic_has_a_provider() {
        for &choice in ProviderChoice::ALL {
            assert_eq!(serving(choice).next().is_none(), choice == ProviderChoice::Automatic, "{choice:?}");
        }
    }
}
