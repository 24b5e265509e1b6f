//! Single sign-on of organizations: the connection and its domains.
