"""Labels of people: files of INCEpTION, WebAnno and brat into the corpus format and out of it, and how far people agree."""
