//! An organisation's Teams channels: set and removed by administrators, opened for the loops; and outages on their way to them.
//!
//! The only module that brings store, vault and webhooks together. A webhook's URL is all the right that is needed to post: it is sealed
//! like a secret, and only its host is ever shown.
//!
//! | file | subject |
//! | --- | --- |
//! | [`setting`] | what an administrator may set, checked field by field |
//! | [`hosts`] | which hosts a webhook may have, and which are retired; pure |
//! | [`sealing`] | the URL as a sealed value, and back |
//! | [`service`] | set, remove, list |
//! | [`router`] | from an outage to what its channels should show |
//! | [`posting`] | an outage that a caller posts |
//! | [`alone`] | what stands in for a connection where none is needed |
//! | [`desk`] | what the capability asks for: the channel, its turn, its webhook |
//! | [`webhook`] | the second outbound client: no token, no redirect, no private address; [`answer`] reads what comes back |

mod alone;
mod answer;
mod desk;
mod hosts;
mod posting;
mod router;
mod sealing;
mod service;
mod setting;
mod webhook;

pub use alone::{Alone, Unconnected};
pub use desk::ChannelDesk;
pub use hosts::Hosts;
pub use posting::PostError;
pub use router::Router;
pub use service::{ChannelError, ChannelView, Channels, Parts};
pub use setting::ChannelSetting;
pub use webhook::{WebhookSettings, Webhooks};
