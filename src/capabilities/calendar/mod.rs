//! Outlook: a field task's visit in its worker's calendar.
