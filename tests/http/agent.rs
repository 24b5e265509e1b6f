//! Agents and what they prove themselves with.
