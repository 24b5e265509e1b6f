//! Records that a user lets an agent act for them.
