//! The definition of correct for every [`Store`](super::Store): the same cases on every backend.
