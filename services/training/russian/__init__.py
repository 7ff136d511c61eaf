"""Recognisers of Russian reviews of medicines: Model A and Model B of Applied Sciences 12(1), 491 (2022), and their study."""
