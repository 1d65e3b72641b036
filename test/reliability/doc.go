// Package reliability holds the tests of docs/reliability.md: the built program is killed, its disk filled, its NATS server taken away, and a ledger
// outside of it says what must be there all the same.
package reliability
