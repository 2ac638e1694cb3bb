package web

import (
	"errors"
	"net/http"

	"consento/broker/internal/evidence"
	"consento/broker/internal/session"
	"consento/broker/internal/web/page"
)

// receiptOf is what the global log says of a session, as the stand-alone verifier
// takes it; "" as long as there is nothing.
func (w *Web) receiptOf(r *http.Request, id string) (string, error) {
	if w.receipts == nil {
		return "", nil
	}
	receipt, err := w.receipts(r.Context(), id)
	if errors.Is(err, evidence.ErrUnknown) {
		return "", nil
	}
	return string(receipt), err
}

// saveReceipt hands the customer the receipt of this browser's session. It needs
// no copy of the log: the global log keeps what it says.
func (w *Web) saveReceipt(rw http.ResponseWriter, r *http.Request) error {
	id, ok := w.cookies.session(r)
	if !ok {
		return session.ErrNoSession
	}
	s, err := w.sessions.Snapshot(r.Context(), id)
	if err != nil {
		return err
	}
	receipt, err := w.receiptOf(r, s.ID)
	if err != nil {
		return err
	}
	if receipt == "" {
		w.Problem(rw, r, http.StatusNotFound, "log.receipt.none")
		return nil
	}
	return page.Attach(rw, "application/json", "consento-"+s.ID[:min(8, len(s.ID))]+".proof", []byte(receipt))
}
