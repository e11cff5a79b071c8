"""What an operator can set, read and checked, and how secrets are kept out of what is printed."""
