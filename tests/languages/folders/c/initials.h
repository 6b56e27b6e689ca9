/* The first letter of each word; `letters` has room for them and a zero byte. */
void initials(const char *name, char *letters);
