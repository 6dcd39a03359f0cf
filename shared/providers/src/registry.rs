//! The providers that are enabled, and which of them may make a picture.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use domain::access::SecretSource;
use domain::images::{Picture, ProviderChoice};
use domain::primitives::{Secret, Word as _};
use domain::providers::{ChatProvider, FaultOf, ImageProvider, ProviderError, Reason};

use crate::automatic1111::Automatic1111;
use crate::document::{BadDocument, Fault, Reading, unknown};
use crate::midjourney::{self, Midjourney};
use crate::openai::OpenAi;
use crate::openai::chat::Chat;
use crate::sandbox::{self, Sandbox};
use crate::stability::Stability;

/// In which order `automatic` asks unless the operator says otherwise. Midjourney is never part of it:
/// nobody shall meet its terms without having asked for it.
const ORDER: [&str; 3] = ["openai", "stability", "stable_diffusion"];
/// What an operator may write there: Midjourney changes nothing.
const KNOWN: [&str; 5] = ["openai", "stability", "stable_diffusion", "sandbox", midjourney::PROVIDER];

/// The providers that are enabled.
pub struct Registry {
    images: Vec<Box<dyn ImageProvider>>,
    chat: Option<Box<dyn ChatProvider>>,
    order: Vec<String>,
}

impl Registry {
    /// The providers that `document` enables. What this version knows nothing of is left to later ones:
    /// a function may be older than who has written the document.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn from_document(document: &Secret) -> Result<Self, BadDocument> {
        Self::from_reading(Reading::of(document))
    }

    /// The same for who writes the document: to him an unknown name is a fault, for it enables nothing.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn from_new_document(document: &Secret) -> Result<Self, BadDocument> {
        let mut reading = Reading::of(document);
        reading.faults.append(&mut reading.unknown);
        Self::from_reading(reading)
    }

    fn from_reading(Reading { document, mut faults, .. }: Reading) -> Result<Self, BadDocument> {
        let mut images: Vec<Box<dyn ImageProvider>> = Vec::new();
        let mut chat: Option<Box<dyn ChatProvider>> = None;
        let mut fault = |section: &str, problem| faults.push(Fault::at(section, problem));
        for (at, name) in document.order.iter().flatten().enumerate() {
            if !KNOWN.contains(&name.as_str()) {
                fault(&format!("order[{at}]"), unknown(name, &KNOWN));
            }
        }
        match document.openai.map(OpenAi::new).transpose() {
            Ok(openai) => images.extend(openai.map(boxed)),
            Err(problem) => fault("openai", problem),
        }
        match document.chat.map(Chat::new).transpose() {
            Ok(made) => chat = made.map(|made| Box::new(made) as _),
            Err(problem) => fault("chat", problem),
        }
        match document.stability.map(Stability::new).transpose() {
            Ok(stability) => images.extend(stability.map(boxed)),
            Err(problem) => fault("stability", problem),
        }
        match document.stable_diffusion.map(Automatic1111::new).transpose() {
            Ok(own) => images.extend(own.map(boxed)),
            Err(problem) => fault("stableDiffusion", problem),
        }
        match document.midjourney.map(Midjourney::new).transpose() {
            Ok(midjourney) => images.extend(midjourney.map(boxed)),
            Err(problem) => fault("midjourney", problem),
        }
        if document.sandbox.is_some() {
            images.push(Box::new(Sandbox));
            chat.get_or_insert_with(|| Box::new(Sandbox));
        }
        BadDocument::unless_none(faults)?;
        Ok(Self::new(images, chat, document.order))
    }

    /// These providers. `automatic` asks them in `order`.
    #[must_use]
    pub fn new(
        images: Vec<Box<dyn ImageProvider>>,
        chat: Option<Box<dyn ChatProvider>>,
        order: Option<Vec<String>>,
    ) -> Self {
        let order = order.unwrap_or_else(|| {
            // Who has enabled a real provider does not want a drawing in its place.
            let alone = images.len() == 1;
            ORDER.into_iter().chain(alone.then_some(sandbox::PROVIDER)).map(str::to_owned).collect()
        });
        Self { images, chat, order }
    }

    /// The names of the providers that are enabled, by which jobs and `order` call them.
    #[must_use]
    pub fn enabled(&self) -> BTreeSet<&'static str> {
        let chat = self.chat.iter().map(|provider| provider.name());
        self.images.iter().map(|provider| provider.name()).chain(chat).collect()
    }

    /// The provider of this name, if it is enabled.
    #[must_use]
    pub fn image_provider(&self, name: &str) -> Option<&dyn ImageProvider> {
        self.images.iter().find(|provider| provider.name() == name).map(AsRef::as_ref)
    }

    /// The provider of chats.
    ///
    /// # Errors
    ///
    /// The operator's, if none is enabled.
    pub fn chat(&self) -> Result<&dyn ChatProvider, ProviderError> {
        self.chat.as_deref().ok_or_else(|| {
            ProviderError::new(FaultOf::Operator, Reason::Unsupported, "no chat provider is enabled")
        })
    }

    /// The providers that may make `picture` and can make exactly that, the one to be asked first in front.
    ///
    /// # Errors
    ///
    /// The caller's, if the provider it asked for is not enabled or no provider can make this; the
    /// operator's, if none is enabled at all.
    pub fn candidates(&self, picture: &Picture) -> Result<Vec<&dyn ImageProvider>, ProviderError> {
        let allowed = self.allowed(picture.provider)?;
        let mut reasons = Vec::new();
        let mut able = Vec::new();
        for provider in allowed {
            match provider.fits(picture) {
                Ok(()) => able.push(provider),
                Err(unable) => reasons.push(format!("{}: {}", provider.name(), unable.reason)),
            }
        }
        if able.is_empty() {
            return Err(ProviderError::new(FaultOf::Caller, Reason::Unsupported, reasons.join("; ")));
        }
        Ok(able)
    }

    fn allowed(&self, choice: ProviderChoice) -> Result<Vec<&dyn ImageProvider>, ProviderError> {
        let names: &[&str] = match choice {
            ProviderChoice::Automatic => {
                let part_of_it = |name: &&String| name.as_str() != midjourney::PROVIDER;
                let names = self.order.iter().filter(part_of_it);
                let enabled: Vec<_> = names.filter_map(|name| self.image_provider(name)).collect();
                if enabled.is_empty() {
                    let problem = "no provider is enabled for automatic";
                    return Err(ProviderError::new(FaultOf::Operator, Reason::Unsupported, problem));
                }
                return Ok(enabled);
            }
            ProviderChoice::Dalle3 | ProviderChoice::Dalle2 | ProviderChoice::GptImage => &["openai"],
            // Whoever runs a server of his own wants it used.
            ProviderChoice::StableDiffusion => &["stable_diffusion", "stability"],
            ProviderChoice::Midjourney => &["midjourney"],
        };
        let enabled = names.iter().find_map(|name| self.image_provider(name));
        enabled.map(|provider| vec![provider]).ok_or_else(|| {
            ProviderError::new(
                FaultOf::Caller,
                Reason::Unsupported,
                format!("the provider {} is not enabled here", choice.as_str()),
            )
        })
    }
}

fn boxed<P: ImageProvider + 'static>(provider: P) -> Box<dyn ImageProvider> {
    Box::new(provider)
}

/// The registry of the present providers document, made anew when the document changes.
pub struct CurrentRegistry<'a> {
    document: Option<&'a dyn SecretSource>,
    known: Mutex<Option<(Secret, Arc<Registry>)>>,
}

impl<'a> CurrentRegistry<'a> {
    /// The registry of the document in `source`.
    #[must_use]
    pub fn new(source: &'a dyn SecretSource) -> Self {
        Self { document: Some(source), known: Mutex::new(None) }
    }

    /// One that never changes.
    #[must_use]
    pub fn fixed(registry: Registry) -> Self {
        Self { document: None, known: Mutex::new(Some((Secret::new(""), Arc::new(registry)))) }
    }

    /// The registry as it is now.
    ///
    /// # Errors
    ///
    /// Ours, if the document could not be read; the operator's, if it is not valid.
    pub async fn get(&self) -> Result<Arc<Registry>, ProviderError> {
        let document = match self.document {
            None => Secret::new(""),
            Some(source) => source.read().await.map_err(|problem| {
                ProviderError::new(FaultOf::Ours, Reason::NoAnswer, problem.to_string())
            })?,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, registry)) = known.as_ref()
            && *of == document
        {
            return Ok(Arc::clone(registry));
        }
        let registry = Registry::from_document(&document).map_err(|problem| {
            ProviderError::new(FaultOf::Operator, Reason::InvalidRequest, problem.to_string())
        })?;
        let registry = Arc::new(registry);
        *known = Some((document, Arc::clone(&registry)));
        Ok(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::images::{Count, Prompt, Quality, Size};

    fn choose(document: &str, provider: ProviderChoice) -> Result<Vec<&'static str>, FaultOf> {
        let picture = Picture {
            prompt: Prompt::try_from("p".to_owned()).unwrap(),
            provider,
            size: Size::S256,
            count: Count::ONE,
            quality: Quality::Standard,
            style: None,
        };
        let registry = Registry::from_document(&Secret::new(document)).unwrap();
        let names = |able: Vec<&dyn ImageProvider>| able.iter().map(|provider| provider.name()).collect();
        registry.candidates(&picture).map(names).map_err(|error| error.fault)
    }

    #[test]
    fn the_sandbox_serves_automatic_and_nobody_stands_in_for_another() {
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Automatic), Ok(vec!["sandbox"]));
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Dalle3), Err(FaultOf::Caller));
        assert_eq!(choose("{}", ProviderChoice::Automatic), Err(FaultOf::Operator));
    }

    #[test]
    fn the_operator_says_whom_automatic_asks() {
        let nobody = r#"{"sandbox":{},"order":["openai"]}"#;
        assert_eq!(choose(nobody, ProviderChoice::Automatic), Err(FaultOf::Operator));
        let sandbox = r#"{"sandbox":{},"order":["openai","sandbox"]}"#;
        assert_eq!(choose(sandbox, ProviderChoice::Automatic), Ok(vec!["sandbox"]));
    }

    #[test]
    fn an_order_that_names_what_is_no_provider_is_refused() {
        let known = "known are openai, stability, stable_diffusion, sandbox, midjourney";
        for (order, said) in [
            (r#"["stableDiffusion"]"#, "order[0]: is unknown; did you mean stable_diffusion?"),
            (r#"["openai", "dalle3"]"#, &format!("order[1]: is unknown; {known}")),
            (r#"[""]"#, &format!("order[0]: is unknown; {known}")),
        ] {
            let document = format!(r#"{{"sandbox":{{}},"order":{order}}}"#);
            let Err(problem) = Registry::from_document(&Secret::new(document)) else { panic!("{order}") };
            assert!(problem.to_string().ends_with(said), "{problem}");
        }
    }

    #[test]
    fn stable_diffusion_is_ones_own_server_where_there_is_one() {
        let own = r#""stableDiffusion":{"baseUrl":"http://127.0.0.1:7860"}"#;
        let hosted = r#""stability":{"apiKey":"sk-none"}"#;
        let both = format!("{{{hosted},{own}}}");
        assert_eq!(choose(&both, ProviderChoice::StableDiffusion), Ok(vec!["stable_diffusion"]));
        assert_eq!(choose(&both, ProviderChoice::Automatic), Ok(vec!["stability", "stable_diffusion"]));
        let hosted = format!("{{{hosted}}}");
        assert_eq!(choose(&hosted, ProviderChoice::StableDiffusion), Ok(vec!["stability"]));
    }

    #[test]
    fn midjourney_is_asked_by_those_alone_who_name_it() {
        let document = r#"{"midjourney":{"baseUrl":"http://127.0.0.1:8080"},"order":["midjourney"]}"#;
        assert_eq!(choose(document, ProviderChoice::Midjourney), Ok(vec!["midjourney"]));
        assert_eq!(choose(document, ProviderChoice::Automatic), Err(FaultOf::Operator));
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Midjourney), Err(FaultOf::Caller));
    }

    #[test]
    fn the_sandbox_chats_too() {
        let chat = |document| {
            let registry = Registry::from_document(&Secret::new(document)).unwrap();
            registry.chat().map(|provider| provider.name()).map_err(|error| error.fault)
        };
        assert_eq!(chat(r#"{"sandbox":{}}"#), Ok("sandbox"));
        assert_eq!(chat("{}"), Err(FaultOf::Operator));
    }

    #[test]
    fn a_bad_document_shows_nothing_of_itself() {
        let Err(error) = Registry::from_document(&Secret::new(r#"{"sandbox": "sk-secret"}"#)) else {
            panic!("a string is no settings");
        };
        assert!(!error.to_string().contains("secret"));
    }
}
