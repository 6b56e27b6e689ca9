#include "initials.h"

void initials(const char *name, char *letters) {
    char before = ' ';
    for (; *name; before = *name++) {
        if (before == ' ' && *name != ' ') *letters++ = *name;
    }
    *letters = 0;
}
