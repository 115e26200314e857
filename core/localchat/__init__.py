"""The embedded /chat: a server of the same contract over local git repositories."""
