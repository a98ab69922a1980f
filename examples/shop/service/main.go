// The programs of the shop: a store of texts over HTTP, an API in front of it, and the migration of the store.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail(errors.New("say what to do: store, api or put"))
	}
	switch os.Args[1] {
	case "store":
		fail(store())
	case "api":
		fail(api(os.Getenv("STORE_URL"), os.Getenv("STORE_TOKEN")))
	case "put":
		if len(os.Args) != 4 {
			fail(errors.New("put takes a key and a value"))
		}
		if err := put(os.Getenv("STORE_URL"), os.Getenv("STORE_TOKEN"), os.Args[2], os.Args[3]); err != nil {
			fail(err)
		}
	default:
		fail(fmt.Errorf("unknown: %s", os.Args[1]))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// store keeps texts in memory, for whoever has the token.
func store() error {
	var lock sync.Mutex
	texts := map[string]string{}
	token := os.Getenv("STORE_TOKEN")
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {})
	http.HandleFunc("/texts/", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "the token is wrong", http.StatusForbidden)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		key := strings.TrimPrefix(r.URL.Path, "/texts/")
		if r.Method == http.MethodPut {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			texts[key] = string(body)
			return
		}
		text, found := texts[key]
		if !found {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, text)
	})
	return http.ListenAndServe(":8080", nil)
}

// api answers with what is in the store. It is ready once the store has been migrated, and does not wait for that: it
// ends, as a service does that believes its environment to be complete.
func api(url, token string) error {
	version, err := get(url, token, "schema")
	if err != nil {
		return fmt.Errorf("the store is not migrated: %w", err)
	}
	menu, err := os.ReadFile("/menu.txt")
	if err != nil {
		return err
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {})
	http.HandleFunc("/schema", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, version) })
	http.HandleFunc("/menu", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, string(menu)) })
	http.HandleFunc("/greeting", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getenv("GREETING")) })
	http.HandleFunc("/orders", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = put(url, token, "orders", string(body))
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
			}
			return
		}
		orders, err := get(url, token, "orders")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprint(w, orders)
	})
	return http.ListenAndServe(":8080", nil)
}

func get(url, token, key string) (string, error) {
	return call(http.MethodGet, url, token, key, nil)
}

func put(url, token, key, text string) error {
	_, err := call(http.MethodPut, url, token, key, bytes.NewBufferString(text))
	return err
}

func call(method, url, token, key string, body io.Reader) (string, error) {
	request, err := http.NewRequest(method, url+"/texts/"+key, body)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, key, response.Status, text)
	}
	return string(text), err
}
