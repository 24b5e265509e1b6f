//! Usage, credit and payment methods.
