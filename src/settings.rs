//! The settings, one struct a section, validated together.
