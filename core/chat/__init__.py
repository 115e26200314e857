"""The /chat contract and its client."""
