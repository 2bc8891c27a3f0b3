/* SPDX-License-Identifier: Apache-2.0
 *
 * A macro chooses one of three small libraries: `needy` needs `needed`, and `unresolved` needs a variable
 * that no library has. nodevice.case uses them as OpenCL loaders and drivers. */
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
