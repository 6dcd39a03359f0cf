//! The description of the images that a job makes, and the stored images.

pub(crate) mod content_warning;
pub(crate) mod picture;
pub(crate) mod ports;
pub(crate) mod stored_image;

pub use content_warning::{ContentWarning, Severity, WarningKind};
pub use picture::{COUNT_LIMIT, Count, PROMPT_LIMIT, Picture, Prompt, ProviderChoice, Quality, Size, Style};
pub use ports::{ImageObject, ImageStore};
pub use stored_image::{ImageFormat, ImageOrigin, StoredImage};
