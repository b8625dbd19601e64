"""The migrations, each named for its number and what it brings. One that was released is never changed."""
