//! What users prove themselves with.
