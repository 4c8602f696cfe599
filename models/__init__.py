"""Tables, views, engine and read queries: everything newsfold knows about its database."""
