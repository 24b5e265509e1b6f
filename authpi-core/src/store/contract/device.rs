//! Devices that users sign in from.
