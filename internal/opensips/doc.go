// Package opensips reads configuration files of OpenSIPS (opensips.cfg), as far as a node with its msrp_ua module needs them, and says what they are in Parley's
// configuration. It reads the file as a text: nothing in it is executed, no other file is opened.
package opensips
