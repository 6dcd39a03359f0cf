//! Chat sessions, and requests to chat providers.

pub(crate) mod ports;
pub(crate) mod request;
pub(crate) mod session;

pub use ports::{SessionStore, TurnStore};
pub use request::{
    ChatMessage, ChatRequest, ChatTask, MaxTokens, PREVIOUS_LIMIT, Role, TEXT_LIMIT, Temperature, Text,
};
pub use session::{HISTORY_CHARACTERS, HISTORY_LIMIT, Message, Page, RecentMessages, Session, Turn, TurnIds};
