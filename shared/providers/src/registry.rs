//! The enabled providers, and which of them may make an image.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use domain::access::SecretSource;
use domain::images::{Picture, ProviderChoice};
use domain::primitives::{NamedValue as _, Secret};
use domain::providers::{ChatProvider, ErrorClass, ImageProvider, ProviderError, Reason, SettingsVersion};
use tracing::warn;

use crate::catalog::{self, Automatic, PROVIDERS};
use crate::document::{BadDocument, Document, FieldError, Reading, unknown};
use crate::openai::chat::Chat;
use crate::sandbox::Sandbox;
use crate::settings_versions::SettingsVersions;

/// How long a function uses a providers document before it reads it again. A new one must take effect within
/// a minute; a function that runs all the time reads it some 2,000 times a day, for a cent.
pub const DOCUMENT_TTL: Duration = Duration::from_secs(40);

/// How long a document that was read again counts as the newest: many jobs that wait for new settings must
/// not each read it.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// The enabled providers.
pub struct Registry {
    images: Vec<Box<dyn ImageProvider>>,
    chat: Option<Box<dyn ChatProvider>>,
    order: Vec<String>,
    versions: SettingsVersions,
}

impl Registry {
    /// The providers that `document` enables. Unknown names are ignored: this function may be older than
    /// the writer of the document.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn from_document(document: &Secret) -> Result<Self, BadDocument> {
        Self::from_reading(Document::read(document), SettingsVersions::of(document))
    }

    /// Like [`Self::from_document`], for a writer of the document: an unknown name is an error, because it
    /// enables nothing.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn from_new_document(document: &Secret) -> Result<Self, BadDocument> {
        let mut reading = Document::read(document);
        reading.errors.append(&mut reading.unknown);
        Self::from_reading(reading, SettingsVersions::of(document))
    }

    fn from_reading(
        Reading { mut document, mut errors, .. }: Reading<Document>,
        versions: SettingsVersions,
    ) -> Result<Self, BadDocument> {
        for (at, name) in document.order.iter().flatten().enumerate() {
            if catalog::find(name).is_none() {
                errors.push(FieldError::at(format!("order[{at}]"), unknown(name, &catalog::names())));
            }
        }
        let sandbox = document.sandbox.is_some();
        let mut images = Vec::new();
        for entry in &PROVIDERS {
            match (entry.build)(&mut document) {
                None => {}
                Some(Ok(provider)) => images.push(provider),
                Some(Err(problem)) => errors.push(FieldError::at(entry.section, problem)),
            }
        }
        let mut chat: Option<Box<dyn ChatProvider>> = None;
        match document.chat.map(Chat::new) {
            Some(Ok(provider)) => chat = Some(Box::new(provider)),
            Some(Err(problem)) => errors.push(FieldError::at("chat", problem)),
            None if sandbox => chat = Some(Box::new(Sandbox)),
            None => {}
        }
        BadDocument::unless_empty(errors)?;
        Ok(Self { versions, ..Self::new(images, chat, document.order) })
    }

    /// A registry of these providers. `automatic` asks them in `order`.
    #[must_use]
    pub fn new(
        images: Vec<Box<dyn ImageProvider>>,
        chat: Option<Box<dyn ChatProvider>>,
        order: Option<Vec<String>>,
    ) -> Self {
        let alone = images.len() == 1;
        let by_default = |automatic| match automatic {
            Automatic::ByDefault => true,
            Automatic::IfAlone => alone,
            Automatic::Never => false,
        };
        let order = order.unwrap_or_else(|| {
            let entries = PROVIDERS.iter().filter(|entry| by_default(entry.automatic));
            entries.map(|entry| entry.name.to_owned()).collect()
        });
        Self { images, chat, order, versions: SettingsVersions::default() }
    }

    /// The version of a provider's settings; `None` if it has no section in a document.
    #[must_use]
    pub fn settings_version(&self, provider: &str) -> Option<SettingsVersion> {
        self.versions.get(provider)
    }

    /// The names of the enabled providers, as jobs and `order` use them.
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

    /// The chat provider.
    ///
    /// # Errors
    ///
    /// The operator's, if none is enabled.
    pub fn chat(&self) -> Result<&dyn ChatProvider, ProviderError> {
        self.chat.as_deref().ok_or_else(|| {
            ProviderError::new(ErrorClass::Operator, Reason::Unsupported, "no chat provider is enabled")
        })
    }

    /// The providers that may make `picture` and can make exactly that, in the order in which to ask them.
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
            match provider.supports(picture) {
                Ok(()) => able.push(provider),
                Err(unable) => reasons.push(format!("{}: {}", provider.name(), unable.reason)),
            }
        }
        if able.is_empty() {
            return Err(ProviderError::new(ErrorClass::Caller, Reason::Unsupported, reasons.join("; ")));
        }
        Ok(able)
    }

    fn allowed(&self, choice: ProviderChoice) -> Result<Vec<&dyn ImageProvider>, ProviderError> {
        if choice == ProviderChoice::Automatic {
            return self.automatic();
        }
        let enabled = catalog::serving(choice).find_map(|entry| self.image_provider(entry.name));
        enabled.map(|provider| vec![provider]).ok_or_else(|| {
            ProviderError::new(
                ErrorClass::Caller,
                Reason::Unsupported,
                format!("the provider {} is not enabled here", choice.as_str()),
            )
        })
    }

    fn automatic(&self) -> Result<Vec<&dyn ImageProvider>, ProviderError> {
        let never = |name: &str| catalog::find(name).is_some_and(|entry| entry.automatic == Automatic::Never);
        let names = self.order.iter().filter(|name| !never(name));
        let enabled: Vec<_> = names.filter_map(|name| self.image_provider(name)).collect();
        if enabled.is_empty() {
            let problem = "no provider is enabled for automatic";
            return Err(ProviderError::new(ErrorClass::Operator, Reason::Unsupported, problem));
        }
        Ok(enabled)
    }
}

/// The registry of the current providers document, rebuilt when the document changes.
pub struct CurrentRegistry<'a> {
    document: Option<&'a dyn SecretSource>,
    cached: Mutex<Option<(Secret, Arc<Registry>)>>,
    /// When the document was last read again.
    refreshed: Mutex<Option<Timestamp>>,
}

impl<'a> CurrentRegistry<'a> {
    /// The registry of the document in `source`.
    #[must_use]
    pub fn new(source: &'a dyn SecretSource) -> Self {
        Self { document: Some(source), cached: Mutex::new(None), refreshed: Mutex::new(None) }
    }

    /// A registry that never changes.
    #[must_use]
    pub fn fixed(registry: Registry) -> Self {
        let cached = Mutex::new(Some((Secret::new(""), Arc::new(registry))));
        Self { document: None, cached, refreshed: Mutex::new(None) }
    }

    /// The registry as it is now.
    ///
    /// # Errors
    ///
    /// An internal one, if the document could not be read; the operator's, if it is invalid.
    pub async fn get(&self) -> Result<Arc<Registry>, ProviderError> {
        let document = match self.document {
            None => Secret::new(""),
            Some(source) => source.read().await.map_err(|problem| ProviderError::from(&problem))?,
        };
        self.build(document)
    }

    /// Reads the document again, for a caller that has reason to think that it has changed. Returns the
    /// registry if it is another than `known`, or `None` if it is the same, cannot be read or is invalid.
    pub async fn refresh(&self, known: Option<&Arc<Registry>>) -> Option<Arc<Registry>> {
        let source = self.document?;
        let now = Timestamp::now();
        let recent = {
            let mut refreshed = self.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
            let recent = refreshed.is_some_and(|at| now.since(at) < REFRESH_INTERVAL);
            if !recent {
                *refreshed = Some(now);
            }
            recent
        };
        let document = if recent { source.read().await } else { source.refresh().await };
        let registry = match document {
            Ok(document) => self.build(document).ok()?,
            Err(error) => {
                warn!(%error, "the providers document could not be read again");
                return None;
            }
        };
        let is_known = known.is_some_and(|known| Arc::ptr_eq(&registry, known));
        (!is_known).then_some(registry)
    }

    fn build(&self, document: Secret) -> Result<Arc<Registry>, ProviderError> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, registry)) = cached.as_ref()
            && *of == document
        {
            return Ok(Arc::clone(registry));
        }
        let registry = Registry::from_document(&document).map_err(|problem| {
            ProviderError::new(ErrorClass::Operator, Reason::InvalidRequest, problem.to_string())
        })?;
        let registry = Arc::new(registry);
        *cached = Some((document, Arc::clone(&registry)));
        Ok(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::images::{Count, Prompt, Quality, Size};

    fn choose(document: &str, provider: ProviderChoice) -> Result<Vec<&'static str>, ErrorClass> {
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
        registry.candidates(&picture).map(names).map_err(|error| error.class)
    }

    #[test]
    fn sandbox_serves_automatic_and_no_named_provider() {
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Automatic), Ok(vec!["sandbox"]));
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Dalle3), Err(ErrorClass::Caller));
        assert_eq!(choose("{}", ProviderChoice::Automatic), Err(ErrorClass::Operator));
    }

    #[test]
    fn automatic_asks_the_providers_in_order() {
        let none = r#"{"sandbox":{},"order":["openai"]}"#;
        assert_eq!(choose(none, ProviderChoice::Automatic), Err(ErrorClass::Operator));
        let sandbox = r#"{"sandbox":{},"order":["openai","sandbox"]}"#;
        assert_eq!(choose(sandbox, ProviderChoice::Automatic), Ok(vec!["sandbox"]));
    }

    #[test]
    fn order_with_unknown_provider_is_refused() {
        let known = "known are openai, stability, stable_diffusion, sandbox, midjourney";
        for (order, expected) in [
            (r#"["stableDiffusion"]"#, "order[0]: is unknown; did you mean stable_diffusion?"),
            (r#"["openai", "dalle3"]"#, &format!("order[1]: is unknown; {known}")),
            (r#"[""]"#, &format!("order[0]: is unknown; {known}")),
        ] {
            let document = format!(r#"{{"sandbox":{{}},"order":{order}}}"#);
            let Err(problem) = Registry::from_document(&Secret::new(document)) else { panic!("{order}") };
            assert!(problem.to_string().ends_with(expected), "{problem}");
        }
    }

    #[test]
    fn stable_diffusion_prefers_the_operators_own_server() {
        let own = r#""stableDiffusion":{"baseUrl":"http://127.0.0.1:7860"}"#;
        let hosted = r#""stability":{"apiKey":"sk-none"}"#;
        let both = format!("{{{hosted},{own}}}");
        assert_eq!(choose(&both, ProviderChoice::StableDiffusion), Ok(vec!["stable_diffusion"]));
        assert_eq!(choose(&both, ProviderChoice::Automatic), Ok(vec!["stability", "stable_diffusion"]));
        let hosted = format!("{{{hosted}}}");
        assert_eq!(choose(&hosted, ProviderChoice::StableDiffusion), Ok(vec!["stability"]));
    }

    #[test]
    fn midjourney_is_asked_only_by_name() {
        let document = r#"{"midjourney":{"baseUrl":"http://127.0.0.1:8080"},"order":["midjourney"]}"#;
        assert_eq!(choose(document, ProviderChoice::Midjourney), Ok(vec!["midjourney"]));
        assert_eq!(choose(document, ProviderChoice::Automatic), Err(ErrorClass::Operator));
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Midjourney), Err(ErrorClass::Caller));
    }

    #[test]
    fn sandbox_is_a_chat_provider() {
        let chat = |document| {
            let registry = Registry::from_document(&Secret::new(document)).unwrap();
            registry.chat().map(|provider| provider.name()).map_err(|error| error.class)
        };
        assert_eq!(chat(r#"{"sandbox":{}}"#), Ok("sandbox"));
        assert_eq!(chat("{}"), Err(ErrorClass::Operator));
    }

    #[test]
    fn bad_document_error_shows_no_value() {
        let Err(error) = Registry::from_document(&Secret::new(r#"{"sandbox": "sk-secret"}"#)) else {
            panic!("a string is no settings");
        };
        assert!(!error.to_string().contains("secret"));
    }
}
