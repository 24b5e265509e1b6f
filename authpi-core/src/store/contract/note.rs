//! Notes of the account team on resources.
