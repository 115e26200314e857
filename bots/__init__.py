"""One folder per platform, and the askrepo command. Platforms know the core; the core knows none of them."""
