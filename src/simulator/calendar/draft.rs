//! The body of a create or an update, as strict as types can make it: an unknown property, a wrong type or enumeration member is an error.
//!
//! Properties and types: Microsoft, "event resource type"; read-only ones are absent on purpose.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A property that may be absent, null or there: in an update the three differ.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Sent<T> {
    /// Not in the body: left alone.
    #[default]
    Absent,
    /// Null: cleared.
    Null,
    /// Given.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Sent<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> Sent<T> {
    /// Applies it to a property that has an empty state.
    pub(crate) fn onto(self, property: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *property = None,
            Self::Value(value) => *property = Some(value),
        }
    }

    /// Applies it to a property that falls back to its default when cleared.
    pub(crate) fn onto_or_default(self, property: &mut T)
    where
        T: Default,
    {
        match self {
            Self::Absent => {}
            Self::Null => *property = T::default(),
            Self::Value(value) => *property = value,
        }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        if let Self::Value(value) = self { Some(value) } else { None }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// The writable part of an event.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Draft {
    pub(crate) subject: Sent<String>,
    pub(crate) body: Sent<DraftBody>,
    pub(crate) start: Sent<DraftMoment>,
    pub(crate) end: Sent<DraftMoment>,
    pub(crate) is_all_day: Sent<bool>,
    pub(crate) location: Sent<Location>,
    pub(crate) locations: Sent<Vec<Location>>,
    pub(crate) show_as: Sent<ShowAs>,
    pub(crate) importance: Sent<Importance>,
    pub(crate) sensitivity: Sent<Sensitivity>,
    pub(crate) categories: Sent<Vec<String>>,
    pub(crate) is_reminder_on: Sent<bool>,
    pub(crate) reminder_minutes_before_start: Sent<i32>,
    pub(crate) response_requested: Sent<bool>,
    pub(crate) allow_new_time_proposals: Sent<bool>,
    pub(crate) hide_attendees: Sent<bool>,
    pub(crate) attendees: Sent<Vec<Value>>,
    pub(crate) transaction_id: Sent<String>,
    pub(crate) single_value_extended_properties: Sent<Vec<ExtendedProperty>>,
}

/// `itemBody`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DraftBody {
    #[serde(default)]
    pub(crate) content_type: BodyType,
    #[serde(default)]
    pub(crate) content: Option<String>,
}

/// `dateTimeTimeZone`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DraftMoment {
    pub(crate) date_time: String,
    #[serde(default)]
    pub(crate) time_zone: Option<String>,
}

/// `singleValueLegacyExtendedProperty`. The value is text, whatever the property's own type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExtendedProperty {
    pub(crate) id: String,
    pub(crate) value: String,
}

/// `location`.
#[expect(clippy::struct_field_names, reason = "the property names are Microsoft's")]
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Location {
    pub(crate) display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location_email_address: Option<String>,
    pub(crate) location_type: LocationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unique_id: Option<String>,
    pub(crate) unique_id_type: UniqueIdType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coordinates: Option<Coordinates>,
}

/// `physicalAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Address {
    street: Option<String>,
    city: Option<String>,
    state: Option<String>,
    country_or_region: Option<String>,
    postal_code: Option<String>,
}

/// `outlookGeoCoordinates`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Coordinates {
    latitude: Option<f64>,
    longitude: Option<f64>,
    accuracy: Option<f64>,
    altitude: Option<f64>,
    altitude_accuracy: Option<f64>,
}

/// An enumeration whose members are spelt as Microsoft declares them, case included.
macro_rules! members {
    ($(#[$doc:meta])* $name:ident: $default:ident $(, $member:ident)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) enum $name {
            #[default]
            $default,
            $($member,)*
        }
    };
}

members!(/** `bodyType`. */ BodyType: Text, Html);
members!(/** `freeBusyStatus`. */ ShowAs: Busy, Unknown, Free, Tentative, Oof, WorkingElsewhere);
members!(/** `importance`. */ Importance: Normal, Low, High);
members!(/** `sensitivity`. */ Sensitivity: Normal, Personal, Private, Confidential);
members!(
    /** `locationType`. */ LocationType: Default, ConferenceRoom, HomeAddress, BusinessAddress, GeoCoordinates, StreetAddress,
    Hotel, Restaurant, LocalBusiness, PostalAddress
);
members!(/** `locationUniqueIdType`. */ UniqueIdType: Unknown, LocationStore, Directory, Private, Bing);
