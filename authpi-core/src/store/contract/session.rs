//! Sessions of users: the single-sign-on session and the sessions of clients.
