//! Mail on its way: what is to be sent, to whom, and how often it was tried.
