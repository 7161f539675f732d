"""What the dissectors of SMTP, IMAP and POP3 have in common: lines, replies, octets of messages."""
