"""What TLS, DTLS and QUIC share: hello messages, certificates, fingerprints, and their record."""
