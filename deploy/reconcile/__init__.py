"""`adrwatch reconcile`: counts the posts of files and what became of them, independently of the code that carried them."""
