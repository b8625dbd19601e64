"""Acts over several systems: planned as steps, with people, dates, events and other engines between them."""
