# ruff: noqa: RUF001
"""What people call columns in other languages than English.

In the order German, Dutch, French, Spanish, Portuguese, Italian, Polish, Turkish, Russian, Arabic, Chinese, Japanese,
Korean; neighbours may share a name.
"""

from genrec.columns import CATEGORY, LATITUDE, LONGITUDE, NAME, POI_ID, REGION, TIME, USER
from genrec.reading.times import DATE

FOREIGN = {
    USER: "benutzerid nutzerid kundenid kundennummer gebruikerid klantid utilisateurid idutilisateur usuarioid "
    "idclient idusuario clienteid idcliente utilizadorid idutilizador utenteid idutente iduzytkownika kullanıcıid "
    "idпользователя معرفالمستخدم رقمالمستخدم 用户id 用户编号 用戶id 使用者id 会员id ユーザーid ユーザid 利用者id "
    "会員id 会員番号 顧客id 사용자id 회원id 고객id kullaniciid",
    POI_ID: "ortid ortsid standortid plaatsid locatieid lieuid idlieu lugarid idlugar sitioid idsitio localid idlocal "
    "luogoid idluogo idmiejsca mekanid idместа معرفالمكان 地点id 地點id 场所id 商户id 店铺id 場所id 店舗id 施設id "
    "スポットid 장소id 매장id",
    TIME: "zeit zeitpunkt zeitstempel uhrzeit datumzeit datumuhrzeit tijd tijdstip heure horodatage dateheure hora "
    "fechahora fechayhora datahora ora dataora dataeora czas zaman tarihsaat saat время датавремя датаивремя الوقت "
    "التاريخوالوقت 时间 签到时间 访问时间 時間 簽到時間 日時 時刻 訪問日時 来店日時 시간 시각 일시 방문일시 방문시간 "
    "dateetheure",
    DATE: "datum besuchsdatum fecha tarih дата التاريخ 日期 日付 訪問日 来店日 날짜 방문일",
    LATITUDE: "breite breitengrad geobreite breedtegraad latitud latitudine szerokosc szerokoscgeograficzna enlem "
    "широта خطالعرض دائرةالعرض 纬度 緯度 위도",
    LONGITUDE: "länge längengrad geolänge lengtegraad longitud longitudine długość długośćgeograficzna dlugosc boylam "
    "долгота خطالطول 经度 經度 経度 경도",
    CATEGORY: "kategorie categorie categoria kategoria kategori категория الفئة التصنيف 类别 分类 類別 分類 カテゴリ "
    "カテゴリー 業種 ジャンル 카테고리 분류 업종",
    NAME: "ortsname bezeichnung nomlieu nombrelugar nomelocal nomeluogo mekanadı названиеместа "
    "اسمالمكان 地点名称 店铺名称 場所名 店舗名 施設名 スポット名 장소명 매장명",
    REGION: "stadt stadtteil bezirk stad wijk ville ciudad barrio cidade bairro città miasto dzielnica şehir ilçe "
    "город район المدينة الحي 城市 城区 市区町村 地域 도시 지역",
}
# Those that hold something else as often, or are beside a better one: the customer beside the customer's number.
FOREIGN_WEAK = {
    USER: "benutzer nutzer kunde gebruiker klant utilisateur usuario cliente utilizador utente użytkownik kullanıcı "
    "kullanici пользователь клиент المستخدم 用户 用戶 使用者 ユーザー 利用者 사용자",
    POI_ID: "ort standort plaats locatie lieu endroit lugar sitio local luogo miejsce mekan место المكان الموقع 地点 "
    "地點 场所 場所 店舗 장소",
    DATE: "data",
    CATEGORY: "typ tipo soort tür 类型 種別 유형",
    NAME: "nom nome nombre naam nazwa название имя الاسم 名称 名稱 이름",
    REGION: "quartier quartiere",
}
# Words for the id of something, and those that stand between the words of a name.
_IDS = (
    "identifiant identificador identificativo identyfikator identifikator kennung nummer numero num nr no code codigo"
)
ID_WORDS = frozenset([*_IDS.split(), "codice", "kod", "kodu", "kimligi"])
_JOINING = "de del du des di da do della dell d of the la le el il l"
JOINING = frozenset(_JOINING.split())
