// Gin over a pool of pgx: SQL by hand, struct tags for bodies.
package main

import (
	"context"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	issuer   = "https://api.example.com"
	audience = "Reference API"
	// Numbers as text: JSON numbers would lose cents, and Go has no decimals of its own.
	fields = `id::text, created_at, updated_at, version, name, description, price::text, tax::text,
		tags, category_id::text, owner_id::text, processed_at`
	userByID = `SELECT id::text, role FROM users WHERE id = $1 AND is_active AND deleted_at IS NULL`
	itemByID = `SELECT ` + fields + ` FROM items WHERE id = $1 AND deleted_at IS NULL`
	itemsOf  = `SELECT ` + fields + ` FROM items WHERE owner_id = $1 AND deleted_at IS NULL
		ORDER BY items.created_at DESC, items.id DESC LIMIT $2`
	createItem = `INSERT INTO items (id, name, description, price, tax, tags, owner_id)
		VALUES (uuidv7(), $1, $2, $3::text::numeric, $4::text::numeric, $5, $6) RETURNING ` + fields
)

var (
	uuidForm  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	moneyForm = regexp.MustCompile(`^\d{1,5}(\.\d{1,2})?$`)
	tagForm   = regexp.MustCompile(`^[a-z0-9-]{1,30}$`)
)

type user struct {
	id, role string
}

type item struct {
	ID          string     `json:"id"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
	Version     int        `json:"version"`
	Name        string     `json:"name"`
	Description *string    `json:"description"`
	Price       string     `json:"price"`
	Tax         string     `json:"tax"`
	Tags        []string   `json:"tags"`
	CategoryID  *string    `json:"category_id"`
	OwnerID     string     `json:"owner_id"`
	ProcessedAt *time.Time `json:"processed_at"`
}

type itemCreate struct {
	Name        string   `json:"name" binding:"required,max=100"`
	Description *string  `json:"description" binding:"omitempty,max=500"`
	Price       string   `json:"price" binding:"required"`
	Tax         string   `json:"tax"`
	Tags        []string `json:"tags" binding:"max=20"`
}

func (data *itemCreate) isValid() bool {
	if data.Tax == "" {
		data.Tax = "0"
	}
	if data.Tags == nil {
		data.Tags = []string{}
	}
	for _, tag := range data.Tags {
		if !tagForm.MatchString(tag) {
			return false
		}
	}
	if !moneyForm.MatchString(data.Price) || !moneyForm.MatchString(data.Tax) {
		return false
	}
	price, _ := strconv.ParseFloat(data.Price, 64)
	tax, _ := strconv.ParseFloat(data.Tax, 64)
	return price > 0 && tax <= 100 && tax <= price && price+tax <= 10000
}

type api struct {
	pool *pgxpool.Pool
	key  []byte
}

func (a *api) subjectOf(header string) (string, bool) {
	token := strings.TrimPrefix(header, "Bearer ")
	claims := jwt.StandardClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}))
	_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (interface{}, error) {
		return a.key, nil
	})
	isOurs := claims.VerifyIssuer(issuer, true) && claims.VerifyAudience(audience, true)
	return claims.Subject, token != header && err == nil && isOurs
}

func (a *api) authenticate(c *gin.Context) {
	subject, holds := a.subjectOf(c.GetHeader("Authorization"))
	if !holds {
		c.AbortWithStatus(http.StatusUnauthorized)
		return
	}
	var found user
	if err := a.pool.QueryRow(c, userByID, subject).Scan(&found.id, &found.role); err != nil {
		c.AbortWithStatus(http.StatusUnauthorized)
		return
	}
	c.Set("user", found)
}

func scan(row pgx.Row) (found item, err error) {
	err = row.Scan(&found.ID, &found.CreatedAt, &found.UpdatedAt, &found.Version, &found.Name,
		&found.Description, &found.Price, &found.Tax, &found.Tags, &found.CategoryID,
		&found.OwnerID, &found.ProcessedAt)
	return
}

func (a *api) read(c *gin.Context) {
	if !uuidForm.MatchString(c.Param("id")) {
		c.AbortWithStatus(http.StatusUnprocessableEntity)
		return
	}
	found, err := scan(a.pool.QueryRow(c, itemByID, c.Param("id")))
	if err != nil {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	caller := c.MustGet("user").(user)
	if found.OwnerID != caller.id && caller.role != "admin" {
		c.AbortWithStatus(http.StatusForbidden)
		return
	}
	c.JSON(http.StatusOK, found)
}

func (a *api) list(c *gin.Context) {
	limit, _ := strconv.Atoi(c.DefaultQuery("limit", "20"))
	rows, err := a.pool.Query(c, itemsOf, c.MustGet("user").(user).id, limit)
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	items := []item{}
	for rows.Next() {
		found, err := scan(rows)
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		items = append(items, found)
	}
	c.JSON(http.StatusOK, gin.H{"items": items})
}

func (a *api) create(c *gin.Context) {
	var data itemCreate
	if err := c.ShouldBindJSON(&data); err != nil || !data.isValid() {
		c.AbortWithStatus(http.StatusUnprocessableEntity)
		return
	}
	created, err := scan(a.pool.QueryRow(c, createItem, data.Name, data.Description, data.Price,
		data.Tax, data.Tags, c.MustGet("user").(user).id))
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.JSON(http.StatusCreated, created)
}

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	size, _ := strconv.Atoi(os.Getenv("POOL_SIZE"))
	config.MaxConns = int32(size)
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		panic(err)
	}
	service := api{pool, []byte(os.Getenv("SECRET_KEY"))}
	router := gin.New()
	router.Use(gin.Recovery())
	router.GET("/version", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{
			"name": audience, "version": "0.1.0", "environment": "production"})
	})
	items := router.Group("/api/v1/items", service.authenticate)
	items.GET("/:id", service.read)
	items.GET("", service.list)
	items.POST("", service.create)
	panic(router.Run("127.0.0.1:" + os.Getenv("PORT")))
}
