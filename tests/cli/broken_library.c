/* SPDX-License-Identifier: Apache-2.0
 *
 * Three small libraries, by what is defined: one that another needs, that other, and one with a variable that
 * stands nowhere. nodevice.case has them for OpenCL loaders and drivers. */
int clxent_needed(void);
int clxent_needy(void);
int clxent_unresolved(void);
extern int clxent_nowhere;

#if defined(CLXENT_needed)
int clxent_needed(void) {
    return 1;
}
#elif defined(CLXENT_needy)
int clxent_needy(void) {
    return clxent_needed();
}
#else
int clxent_unresolved(void) {
    return clxent_nowhere;
}
#endif
